var k=class extends Error{constructor(t,n){super(n);this.kind=t;this.name="TczError"}kind};function A(s){return new k("BadFile",s)}var cn=new Uint32Array(256).map((s,e)=>{for(let t=0;t<8;t++)e=e&1?3988292384^e>>>1:e>>>1;return e});function re(...s){let e=4294967295;for(let t of s)for(let n=0,r=t.length;n<r;n++)e=cn[(e^t[n])&255]^e>>>8;return~e>>>0}function Ye(s){return Uint8Array.of(s,s>>>8,s>>>16,s>>>24)}function Se(s){let e=[];for(;s>127;s=Math.floor(s/128))e.push(s%128|128);return Uint8Array.from([...e,s])}function I(s,e){let t=0;for(let n=0;n<5;n++){let r=s[e+n];if(r===void 0)throw A("the file is cut short inside a number");if(t+=(r&127)*128**n,r<128){if(r===0&&n)throw A("the file holds a number that is not in its shortest form");return[t,e+n+1]}}throw A("the file holds a number of more than five bytes")}function se(s){return Array.from(s,e=>e.toString(16).padStart(2,"0")).join("")}function V(s,e){return s.length===e.length&&s.every((t,n)=>t===e[n])}function Xe(s){try{return new TextDecoder("utf-8",{fatal:!0}).decode(s),!0}catch{return!1}}var un=[3,4,5,6,7,8,9,10,11,13,15,17,19,23,27,31,35,43,51,59,67,83,99,115,131,163,195,227,258],ln=[0,0,0,0,0,0,0,0,1,1,1,1,2,2,2,2,3,3,3,3,4,4,4,4,5,5,5,5,0],hn=[1,2,3,4,5,7,9,13,17,25,33,49,65,97,129,193,257,385,513,769,1025,1537,2049,3073,4097,6145,8193,12289,16385,24577],mn=[0,0,0,0,1,1,2,2,3,3,4,4,5,5,6,6,7,7,8,8,9,9,10,10,11,11,12,12,13,13],dn=[16,17,18,0,8,7,9,6,10,5,11,4,12,3,13,2,14,1,15],S=class extends Error{constructor(t){super(t);this.reason=t}reason};function q(s,e=!1){let t=new Uint16Array(16);for(let a of s)t[a]++;t[0]=0;let n=new Uint16Array(16),r=1;for(let a=1;a<16;a++){if(r=2*r-t[a],r<0)throw new S("damaged");a<15&&(n[a+1]=n[a]+t[a])}let i=t.findLastIndex(a=>a);if(r>0&&i>0&&(e||i>1))throw new S("damaged");let o=new Uint16Array(s.length);for(let a=0;a<s.length;a++)s[a]&&(o[n[s[a]]++]=a);return{counts:t,symbols:o}}var Je={literals:q([...Array(144).fill(8),...Array(112).fill(9),...Array(24).fill(7),...Array(8).fill(8)]),distances:q(Array(32).fill(5))},Ee=class{constructor(e,t){this.data=e;this.out=t}data;out;at=2;bits=0;have=0;done=0;take(e){for(;this.have<e;){let n=this.data[this.at++];if(n===void 0)throw new S("length");this.bits|=n<<this.have,this.have+=8}let t=this.bits&(1<<e)-1;return this.bits>>>=e,this.have-=e,t}symbol({counts:e,symbols:t}){let n=0,r=0,i=0;for(let o=1;o<16;o++){n|=this.take(1);let a=e[o];if(n-a<r)return t[i+n-r];i+=a,r=r+a<<1,n<<=1}throw new S("damaged")}put(e){if(this.done===this.out.length)throw new S("length");this.out[this.done++]=e}stored(){this.bits=this.have=0;let[e,t,n,r]=this.data.subarray(this.at,this.at+4);if(r===void 0)throw new S("length");let i=e|t<<8;if(i!==(~(n|r<<8)&65535))throw new S("damaged");let o=this.data.subarray(this.at+4,this.at+4+i);if(this.at+=4+i,o.length<i||this.done+i>this.out.length)throw new S("length");this.out.set(o,this.done),this.done+=i}compressed(e,t){for(;;){let n=this.symbol(e);if(n===256)return;if(n<256){this.put(n);continue}if(n>285)throw new S("damaged");let r=un[n-257]+this.take(ln[n-257]),i=this.symbol(t);if(i>29)throw new S("damaged");let o=hn[i]+this.take(mn[i]);if(o>this.done)throw new S("damaged");for(let a=0;a<r;a++)this.put(this.out[this.done-o])}}dynamic(){let e=[this.take(5)+257,this.take(5)+1];if(e[0]>286||e[1]>30)throw new S("damaged");let t=new Uint8Array(19);for(let i=0,o=this.take(4)+4;i<o;i++)t[dn[i]]=this.take(3);let n=q(t,!0),r=[];for(;r.length<e[0]+e[1];){let i=this.symbol(n);if(i<16)r.push(i);else if(i===16){let o=r.at(-1);if(o===void 0)throw new S("damaged");for(let a=this.take(2)+3;a;a--)r.push(o)}else for(let o=i===17?this.take(3)+3:this.take(7)+11;o;o--)r.push(0)}if(r.length>e[0]+e[1]||!r[256])throw new S("damaged");this.compressed(q(r.slice(0,e[0])),q(r.slice(e[0])))}run(){let[e,t]=this.data;if(e===void 0||t===void 0)throw new S("length");if(!((e&15)===8&&e>>4<8&&!(t&32))||(e*256+t)%31)throw new S("damaged");for(let o=0;!o;){o=this.take(1);let a=this.take(2);if(a===0)this.stored();else if(a===1)this.compressed(Je.literals,Je.distances);else if(a===2)this.dynamic();else throw new S("damaged")}if(this.done!==this.out.length)throw new S("length");let r=this.data.subarray(this.at);if(r.length!==4)throw new S("length");let i=fn(this.out);if([24,16,8,0].some((o,a)=>(i>>>o&255)!==r[a]))throw new S("damaged")}};function fn(s){let e=1,t=0;for(let n=0;n<s.length;n+=3800){let r=Math.min(n+3800,s.length);for(let i=n;i<r;i++)t+=e+=s[i];e%=65521,t%=65521}return(t<<16|e)>>>0}function oe(s,e){let t=new Uint8Array(e);return new Ee(s,t).run(),t}var pn=63,Qe=64,Ze=128,K=(s,e)=>e.maxSection,bn={alpha:{number:1,ancillary:!1,limit:s=>2*s+4096,pixels:!0},exact:{number:2,ancillary:!1,limit:s=>4*s+4096,pixels:!0},blocks:{number:3,ancillary:!1,limit:s=>4*s+4096,pixels:!0},icc:{number:16,ancillary:!0,limit:K},exif:{number:17,ancillary:!0,limit:K},xmp:{number:18,ancillary:!0,limit:K},comment:{number:19,ancillary:!0,limit:K},source:{number:20,ancillary:!0,limit:()=>100,check:s=>s.length&&s.every(e=>e>=32&&e<127)?void 0:"section source is not the name of a mode in printable ASCII"},resolution:{number:21,ancillary:!0,limit:K},preview:{number:22,ancillary:!0,limit:K}},Y=s=>s&pn;function et(s,e,t,n){let i=Object.entries(bn).find(([,f])=>f.number===Y(s));if(!i){if(s&Ze)return;throw A(`the file needs section ${Y(s)}, which this version does not know`)}let[o,a]=i;if(a.pixels&&s&Qe)throw A(`the ${o} section is deflated twice`);if(!!(s&Ze)!==a.ancillary)throw A(`section ${o} has a wrong ancillary bit`);let u=a.limit(t,n),l=!!(s&Qe),[c,h]=l?I(e,0):[e.length,0];if(c>u)throw new k("LimitExceeded",`${o} of ${c} bytes is above ${u}`);let m=l?gn(o,e.subarray(h),c):e,d=a.check?.(m);if(d)throw A(d);return[o,m]}function gn(s,e,t){try{return oe(e,t)}catch(n){if(!(n instanceof S))throw n;let r=n.reason==="length"?" to the length it announces":"";throw A(`${s} does not inflate${r}`)}}var ie=1024,yn=Uint8Array.of(137,84,67,90),tt=1,Te=10,nt=1,rt=2,st=1e3,ot=65535,it=1<<24,at=32,j=4,ct={maxPixels:2e8,maxSection:1<<25};function Pe(s,e=ct){if(!s.length)throw A("the file is empty");if(!V(s.subarray(0,4),yn))throw A("this is not a .tcz file");if(s.length<Te)throw A("the file is cut short inside its header");let t=s[4]>>4,n=s[4]&15;if(t!==tt)throw A(`format version ${t}; this program reads version ${tt}`);if(n&~(nt|rt))throw A("the file uses a feature of a later version of the format");let[r,i]=I(s,Te),[o,a]=I(s,i);wn(r,o,e);let[u,l]=I(s,a);if(u>st)throw A(`setting ${u} is above ${st}`);let[c,h]=[0,l];if(n&rt&&([c,h]=I(s,h),c<1||c>at))throw A(`the header announces ${c} sections, not 1 .. ${at}`);let m=se(s.subarray(5,Te));return{width:r,height:o,setting:u,modelId:m,grey:!!(n&nt),sections:c,size:h}}function wn(s,e,t){let n=r=>{throw new k("LimitExceeded",r)};if((s<1||e<1)&&n(`a picture of ${s} x ${e} pixels has no pixels`),Math.max(s,e)>ot&&n(`${s} x ${e} pixels: a side may have at most ${ot} pixels`),s*e>t.maxPixels){let r=Number((t.maxPixels/1e6).toPrecision(6));n(`${s} x ${e} pixels is above the limit of ${r} megapixels`)}}function _e(s,e=ct){let t=Pe(s,e),n=s.subarray(0,t.size),[r,i]=vn(s,t),o=i,a=new Uint8Array(0),u=(m,d)=>{if(m>s.length-o-j)throw A("the file is cut short");let f=s.subarray(o,o+j),b=s.subarray(o+j,o+j+m);o+=j+m;let p=V(f,Ye(re(a,n,d,Se(m),b)));return a=f,p?b:void 0},l=r.map((m,d)=>{let f=u(m,Se(d));if(f)return f;let b=r.length>1?` in tile group ${d} of ${r.length}`:"";throw A(`the file is damaged${b}: the checksum does not match`)}),c={},h=0;for(let m=0;m<t.sections;m++){let d=s[o];if(d===void 0)throw A("the file is cut short: a section is missing");let[f,b]=I(s,o+1);o=b;let p=u(f,Uint8Array.of(d));if(!p)throw A("the file is damaged in a section: the checksum does not match");if(Y(d)<=h)throw A("the sections of the file are out of order");h=Y(d);let g=et(d,p,t.width*t.height,e);g&&(c[g[0]]=g[1])}if(o!==s.length)throw A(`${s.length-o} bytes follow the end of the file's content`);if(c.exact&&(c.blocks||l.some(m=>m.length)))throw A("the file holds its pixels twice");return{...t,tiles:l,bodies:c}}function vn(s,e){let t=Math.ceil(e.width/ie)*Math.ceil(e.height/ie),n=e.sections?t:t-1;if(n+t*j>s.length-e.size)throw A(`the file is too short for its ${t} tile group${t>1?"s":""}`);let r=[],i=l=>{if(l>it)throw A(`a tile group of ${l} bytes is above ${it}`);r.push(l)},o=e.size,a;for(let l=0;l<n;l++)[a,o]=I(s,o),i(a);let u=s.length-o-t*j-r.reduce((l,c)=>l+c,0);if(u<0)throw A("the file is cut short");return e.sections||i(u),[r,o]}var An=Uint32Array.of(1779033703,3144134277,1013904242,2773480762,1359893119,2600822924,528734635,1541459225),J=64,X=64,lt=new Int32Array(J);for(let s=2,e=0;e<J;s++){let t=!0;for(let n=2;n*n<=s;n++)t&&=s%n>0;t&&(lt[e++]=Math.cbrt(s)%1*2**32)}async function ht(s){let{subtle:e}=crypto;return e?new Uint8Array(await e.digest("SHA-256",s)):xn(s)}function xn(s){let e=Int32Array.from(An),t=s.length-s.length%X;ut(e,s.subarray(0,t));let n=s.length-t,r=new Uint8Array(n+9>X?2*X:X);r.set(s.subarray(t)),r[n]=128,new DataView(r.buffer).setBigUint64(r.length-8,8n*BigInt(s.length)),ut(e,r);let i=new DataView(new ArrayBuffer(4*e.length));return e.forEach((o,a)=>{i.setInt32(4*a,o)}),new Uint8Array(i.buffer)}function ut(s,e){let t=new DataView(e.buffer,e.byteOffset,e.length),n=new Int32Array(J);for(let r=0;r<e.length;r+=X){for(let d=0;d<16;d++)n[d]=t.getInt32(r+4*d);for(let d=16;d<J;d++){let[f,b]=[n[d-15],n[d-2]],p=N(f,7)^N(f,18)^f>>>3,g=N(b,17)^N(b,19)^b>>>10;n[d]=n[d-16]+p+n[d-7]+g}let[i,o,a,u,l,c,h,m]=s;for(let d=0;d<J;d++){let f=N(l,6)^N(l,11)^N(l,25),b=m+f+(l&c^~l&h)+lt[d]+n[d],g=(N(i,2)^N(i,13)^N(i,22))+(i&o^i&a^o&a);[m,h,c,l,u,a,o,i]=[h,c,l,u+b|0,a,o,i,b+g|0]}[i,o,a,u,l,c,h,m].forEach((d,f)=>s[f]+=d)}}function N(s,e){return s>>>e|s<<32-e}var Mn={gated:!1,dec_attention:1,renderer:0,one_pass:0,centroids:!1,trellis:0,spacing:[16,16],start:[]},mt=1,F=64,Q=class{constructor(e,t,n,r){this.id=e;this.config=t;this.tensors=n;this.realism=r;let{groups:i,coarse:o,patch:a,staged:u}=t;this.sizes=i.map((c,h)=>h<o?c:c/4);let l=(c,h)=>c+h;this.coarse=this.sizes.slice(0,o).reduce(l,0),this.fine=this.sizes.slice(o).reduce(l,0),this.token=a*(u?2:1)}id;config;tensors;realism;sizes;coarse;fine;token;tensor(e){let t=this.tensors.get(e);if(!t)throw R(`the tensor ${e} is missing`);return t}attending(e){let t=this.config.dec_attention,n=[];if(t)for(let r=Math.min(t,e)-1;r>=0&&r<e;r+=t)n.push(r);return n}},[ae,ce]=["model.safetensors","realism.safetensors"];async function dt(s){let{format:e,model_id:t,model:n,realism:r}=Ie(await s("config.json"));if(e!==mt)throw R(`format ${e}; this program reads format ${mt}`);if(!n)throw R("config.json names no model");let i={...Mn,...n};if(1e3%(i.knots-1)!==0)throw R(`knots - 1 must divide 1000, not be ${i.knots-1}`);kn(i);let o=async(l,c)=>{let[h,m]=En(l,await s(l,c));if(await Tn(n,m)!==c)throw R(`${l}: not the weights that config.json names`);return h},a=await o(ae,t),u=r&&(()=>o(ce,r.id));return new Q(t,i,a,u)}function kn({trellis:s,spacing:e,centroids:t}){let n=(a,u,l)=>Number.isInteger(a)&&a>=u&&a<=l;if(s!==0&&(!n(s,2,F-1)||t))throw R("trellis must be 0 or 2 to 63, and not together with centroids");if(!(Array.isArray(e)&&e.length===2)||!e.every(a=>n(a,2,64)))throw R("spacing must be two numbers from 2 to 64");let[i,o]=e;if(o%2)throw R("the second spacing must be even");if(!s&&(i!==16||o!==16))throw R("spacing other than 16 needs a trellis")}function Ie(s){let e=ft("config.json",s);if(typeof e.model_id!="string")throw R("config.json names no model");return e}function ft(s,e){let t;try{t=JSON.parse(new TextDecoder().decode(e))}catch{}if(typeof t!="object"||!t)throw R(`${s} is damaged`);return t}function R(s){return new k("BadModel",s)}var Un=new Float32Array(65536).map((s,e)=>{let t=e>>10&31,n=(e&1023)/1024,r=t?(1+n)*2**(t-15):n*2**-14;return e&32768?-r:r}),Sn={F16:["float16",s=>Float32Array.from(new Uint16Array(s),e=>Un[e]),2],F32:["float32",s=>new Float32Array(s),4],I8:["int8",s=>new Int8Array(s),1],U8:["uint8",s=>new Uint8Array(s),1],I32:["int32",s=>new Int32Array(s),4]};function En(s,e){let t=new DataView(e.buffer,e.byteOffset,e.length),n=e.length<8?1/0:8+Number(t.getBigUint64(0,!0));if(n>e.length)throw R(`${s} is cut short`);let r=ft(s,e.subarray(8,n)),i=new Map,o=[];for(let[a,{dtype:u,shape:l,data_offsets:c}]of Object.entries(r)){if(a==="__metadata__")continue;let h=Sn[u];if(!h)throw R(`the tensor ${a} is ${u}`);let m=e.subarray(n+c[0],n+c[1]),d=l.reduce((b,p)=>b*p,1);if(m.length!==d*h[2])throw R(`${s} is cut short`);i.set(a,{values:h[1](m.slice().buffer),shape:l});let f=l.length===1?`${l[0]},`:l.join(", ");o.push([a,`${a}|torch.${h[0]}|(${f})|`,m])}return[i,o]}async function Tn(s,e){let t=new TextEncoder,n=[t.encode(_n(s))];for(let[,i,o]of e.sort(([a],[u])=>a<u?-1:1))n.push(t.encode(i),o);let r=new Uint8Array(await new Blob(n).arrayBuffer());return se((await ht(r)).subarray(0,8))}var Pn=new Set(["lambda_min","lambda_max"]);function _n(s){return`{${Object.entries(s).sort(([n],[r])=>n<r?-1:1).map(([n,r])=>{let i=Pn.has(n)&&typeof r=="number";return`${bt(n)}: ${i?In(r):pt(r)}`}).join(", ")}}`}function pt(s){return Array.isArray(s)?`[${s.map(pt).join(", ")}]`:bt(s)}function bt(s){let e=t=>`\\u${t.charCodeAt(0).toString(16).padStart(4,"0")}`;return JSON.stringify(s).replace(/[^ -~]/g,e)}function In(s){return s!==0&&(Math.abs(s)<1e-4||Math.abs(s)>=1e16)?s.toExponential().replace(/e([+-])(\d)$/,"e$10$2"):Number.isInteger(s)?`${s}.0`:String(s)}function ue({values:s,shape:e},t){let[n,r]=e,i=t*(n-1)/1e3,o=Math.min(Math.floor(i),n-2),a=i-o;return Float32Array.from({length:r},(u,l)=>s[o*r+l]*(1-a)+s[(o+1)*r+l]*a)}var $e=[[-1,0],[1,0],[0,-1],[0,1]],$n=[[-1,-1],[-1,1],[1,-1],[1,1]],gt=[-1,0,1].flatMap(s=>[-1,0,1].map(e=>[s,e])),Rn=31,zn=3,Ln=8,yt=32,wt=128,Bn=64,G=s=>s%2===0,Nn=[{sites:(s,e)=>s%4===0&&e%4===0,distance:2,net:"far"},{sites:(s,e)=>s%4===2&&e%4===2,distance:2,net:"far"},{sites:(s,e)=>G(s)&&G(e)&&s%4===0!=(e%4===0),distance:2,net:"far"},{sites:(s,e)=>!G(s)&&!G(e),distance:1,net:"diagonal"},{sites:(s,e)=>!G(s+e),distance:1,net:"groups.0"}];function Cn(s){return[{sites:(e,t)=>G(e+t),distance:1,net:s},{sites:(e,t)=>!G(e+t),distance:1,net:s}]}var Re=s=>Math.ceil(s/8)*8,le=class{constructor(e,t){this.machine=e;this.model=t;let{config:n}=t;this.span=Math.floor(1e3/(n.knots-1)),this.trellis=n.trellis||F,this.tables=this.readTables(),this.feature=e.put(t.tensor("int.feature").values),this.centroids=n.centroids?this.readCentroids():0,this.coder=e.zeros(64),this.counts=e.zeros(4*F),this.layer("hs"),this.layer("lift1"),this.layer("lift2");for(let r of[...n.groups.map((i,o)=>`groups.${o}`),"far","diagonal"])this.layer(`${r}.fc1`),this.layer(`${r}.fc2`),this.layer(`${r}.out`,zn)}machine;model;span;layers=new Map;tables;feature;centroids;trellis;coder;counts;biases=[];setting=-1;bases=new Int32Array(0);hyperIndex=new Uint8Array(0);readTables(){let e=this.model.tensor("int.tables").values,t=this.model.tensor("int.table_sizes").values,n=2*F-this.trellis;if(t.length!==n)throw new k("BadModel",`the model has ${t.length} symbol tables, not ${n}`);let r=new Int32Array(2*wt+3),i=0;return t.forEach((o,a)=>{let u=new Int32Array(o+1);for(let l=0,c=0;l<o;l++)c+=e[i+l],u[l+1]=Math.floor(c*(2**24-o)/65536)+l+1;i+=o,r.set([this.machine.put(u),(o-2)/2],2*a)}),r.set([0,2**23,2**24],2*wt),this.machine.put(r)}readCentroids(){let e=new Int32Array(4*F);return e.set(this.model.tensor("int.centroids").values,F),this.machine.put(e)}layer(e,t=0){let{machine:n,model:r}=this,{values:i,shape:o}=r.tensor(`int.${e}.weight`),[a,u]=o,l=Re(a),c=Re(u),h=new Int16Array(l*c);for(let p=0;p<a;p++){let g=(p>>2)*4*c+(p&3)*8;for(let y=0;y<u;y++)h[g+(y>>3)*32+(y&7)]=i[p*u+y]}let m=new Int32Array(l).fill(1);if(m.set(r.tensor(`int.${e}.shift`).values),t)for(let p=a/2;p<a;p++)m[p]-=t;let d=n.zeros(4*l),f=r.tensor(`int.${e}.bias`);this.biases.push(p=>{let g=f.shape[0]===1?f.values:this.interpolate(f,p),y=n.i32(d,a);for(let w=0;w<a;w++)y[w]=g[w]+(1<<m[w]-1)});let b=n.put(h);this.layers.set(e,{weights:b,bias:d,shift:n.put(m),outputs:l,inputs:c})}interpolate({values:e,shape:t},n){let{span:r}=this,[i,o]=t,a=Math.min(Math.floor(n/r),i-2),u=n-a*r;return Int32Array.from({length:o},(l,c)=>{let h=e[a*o+c]*(r-u)+e[(a+1)*o+c]*u;return Math.floor((h+Math.floor(r/2))/r)})}use(e){if(e===this.setting)return;for(let n of this.biases)n(e);this.bases=this.interpolate(this.model.tensor("int.base"),e);let t=this.interpolate(this.model.tensor("int.hyper_base"),e);this.hyperIndex=Uint8Array.from(t,n=>Math.min(63,Math.max(0,n+8>>4))),this.setting=e}present(e){if(!e.length)return[0,0];let t=this.model.sizes.length,[n,r]=t>Ln?I(e,0):[e[0],1];if(!n||n>=2**t)throw A("a tile group names latent groups that its model does not have");return[n,r]}decode(e,t,n,r,i){let{model:o,machine:a}=this,[u,l]=this.present(e);if(o.config.start.findIndex((f,b)=>u&1<<b&&f>t)>=0)throw A("a tile group names latent groups that its setting does not have");let h=u&(1<<i)-1,m=[n*r*o.coarse,4*n*r*o.fine];if(!h)return{coarse:new Int32Array(m[0]),fine:new Int32Array(m[1])};let d=e.subarray(l);if(d.at(-1)===0)throw A("a tile group's code ends in a zero byte");return this.use(t),a.within(()=>{let f=a.put(d,Math.ceil(d.length/4)*4);a.kernels.start(this.coder,f,Math.ceil(d.length/4));let b=a.zeros(4*m[0]),p=a.zeros(4*m[1]);if(this.walk(h,n,r,b,p),h===u&&!a.kernels.finished(this.coder))throw A("a tile group's code does not end where its symbols end");return{coarse:a.i32(b,m[0]).slice(),fine:a.i32(p,m[1]).slice()}})}walk(e,t,n,r,i){let{machine:o,model:a}=this,{config:u,sizes:l}=a,c=this.hyper(t,n),h=[],m=c,d=0,f=0,b=32-Math.clz32(e);for(let p=0;p<b;p++){let g=p>=u.coarse;p===u.coarse&&(m=this.lift(c,h,t,n),d=p);let[y,w]=g?[2*t,2*n]:[t,n],v=l[p],x=p<u.signed_groups?2*v:v,M={map:o.zeros(2*y*w*x),channels:x};if(e&1<<p){let E=g?a.fine:a.coarse,U=f-(g?a.coarse:0),P=(g?i:r)+4*U,_=h.slice(d),$=this.bases.subarray(f,f+v);this.group(p,{rows:y,columns:w,features:m,before:_,own:M,latents:P,all:E,bases:$})}h.push(M),f+=v}}group(e,t){let{machine:n,model:r}=this,{rows:i,columns:o,features:a,before:u,own:l,latents:c,all:h,bases:m}=t,{one_pass:d,signed_groups:f,spacing:b}=r.config,p=r.sizes[e],g=d>0&&e>=d,y=`groups.${e}`,w=e===0?Nn:g?[{sites:()=>!0,distance:1,net:y}]:Cn(y),v=(U,[P,_]=[0,0],$=1)=>({...U,place:[P*$,_*$]}),x=[a,...u].map(U=>v(U)),M=u.at(-1);M&&g?x.push({...M,place:[0,0],mean:!0}):M&&x.push(...$e.map(U=>v(M,U)));let E=n.put(m);w.forEach(({sites:U,distance:P,net:_},$)=>{let L=[];for(let B=0;B<i;B++)for(let C=0;C<o;C++)U(B,C)&&L.push(B<<16|C);L.length&&n.within(()=>{let B=e?$e:[...$e,...$n],C=$&&!g?B.map(Ue=>v(l,Ue,P)):[],Me=L.length*p,Ve=n.alloc(4*Me),ke=n.alloc(Me),qe=n.put(Int32Array.from(L)),sn=["fc1","fc2","out"].map(Ue=>`${_}.${Ue}`),on=[1,Ve,ke,E,p];this.run(qe,L.length,i,o,[...x,...C],sn,on);let an=this.symbols(ke,Me,this.trellis);n.points([qe,L.length,an,Ve,ke,p,this.centroids,c,4*h*o,4*h,l.map,o,+(e<f),this.feature,this.trellis,...b])})})}run(e,t,n,r,i,o,a){let{machine:u}=this,l=i.flatMap(({map:f,channels:b,place:p,mean:g})=>[f,b,...p,Number(g??!1)]),c=Re(i.reduce((f,b)=>f+b.channels,0)),h=o.map(f=>this.layers.get(f)),m=[e,n,r,u.put(Int32Array.from(l)),i.length,c,h.length,...a,...h.flatMap(f=>[f.weights,f.bias,f.shift,f.outputs,f.inputs])],d=h.reduce((f,b)=>f+4*b.outputs,2*c);u.run("context",m,t,(yt+1)*d,yt)}symbols(e,t,n=F){let{machine:r,coder:i,tables:o,counts:a}=this,u=r.alloc(4*t),l=r.alloc(4*t+8*Math.ceil(t/Bn));if(!r.kernels.pass(i,t,e,u,o,l,a,n))throw A("a latent is larger than the format allows");return u}hyper(e,t){let{machine:n,model:r}=this,{hyper:i,hidden:o}=r.config,[a,u]=[Math.ceil(e/2),Math.ceil(t/2)],l={map:n.zeros(2*e*t*o),channels:o};return n.within(()=>{let c=a*u*i,h=n.alloc(c);for(let b=0;b<a*u;b++)n.u8(h+b*i,i).set(this.hyperIndex);let m=n.i32(this.symbols(h,c),c);if(m.some(b=>Math.abs(b)>Rn))throw A("a hyper-latent is larger than the format allows");let d=n.put(Int16Array.from(m,b=>4*b)),f=gt.map(b=>({map:d,channels:i,place:b}));this.run(this.grid(a,u),a*u,a,u,f,["hs"],[0,l.map,e,t,o])}),l}lift(e,t,n,r){let{machine:i,model:o}=this,a=o.config.fine_hidden,u={map:i.zeros(8*n*r*a),channels:a};return i.within(()=>{let l=gt.flatMap(m=>t.map(d=>({...d,place:m}))),c=[{...e,place:[0,0]},...l],h=[0,u.map,2*n,2*r,a];this.run(this.grid(n,r),n*r,n,r,c,["lift1","lift2"],h)}),u}grid(e,t){let n=new Int32Array(e*t);for(let r=0;r<n.length;r++)n[r]=Math.floor(r/t)<<16|r%t;return this.machine.put(n)}};var ze=16;function vt(s,e,t){let{sizes:n}=s;if(t===1)return n.length;let r=Fn(s,t),i=s.tensor("tcae.std").values.map(h=>h*h),o=ue(s.tensor("tcae.log_step"),e).map(h=>2**h),a=0;r.forEach((h,m)=>a+=h*Math.min(o[m]**2/12,i[m]));let u=n.length,l=r.length,c=0;for(;u>1;){let h=l;l-=n[u-1];for(let m=l;m<h;m++)c+=r[m]*i[m];if(c>Math.max(a/6,.25))break;u--}return u}function Fn(s,e){let t=s.tensor("tcae.shortcut.basis").values,n=s.tensor("tcae.shortcut.merge").values,r=ze/e,i=3*r*r,o=t.length/(3*ze*ze),a=new Float64Array(o*i);for(let c=0;c<t.length;c++){let[h,m]=[c>>4&15,c&15],d=Math.floor(c/256)*r*r+Math.floor(h/e)*r;a[d+Math.floor(m/e)]+=t[c]/e**2}let u=s.coarse/4,l=new Float64Array(s.coarse+s.fine);for(let c=0;c<s.coarse;c++)for(let h=0;h<4;h++){let m=n.subarray(c*s.coarse+h*u,c*s.coarse+(h+1)*u);for(let d=0;d<i;d++){let f=0;for(let b=0;b<u;b++)f+=m[b]*a[b*i+d];l[c]+=f*f}}for(let c=u;c<o;c++){let h=0;for(let m=0;m<i;m++)h+=a[c*i+m]**2;l[s.coarse+c-u]=4*h}return l.map(c=>c*e**2/3072)}var On=10,Dn=50,xt="the blocks section holds no AV1 of the form that is allowed";function Mt(s,e){let{level:t,grey:n,width:r,height:i}=jn(s);if(!e(r,i))throw A("the blocks section has not the size of the picture");let o=[0,0,0,0],a=z("ipco",[...z("ispe",[...o,...W(r,4),...W(i,4)]),...z("pixi",[...o,...n?[1,8]:[3,8,8,8]]),...z("av1C",[129,(n?0:32)|t,n?28:0,0]),...z("colr",[...H("nclx"),0,1,0,13,0,6,128])]),u=z("ipma",[...o,...W(1,4),0,1,4,1,2,131,4]),l=z("infe",[2,0,0,0,0,1,0,0,...H("av01"),0]),c=b=>z("meta",[...o,...z("hdlr",[...o,0,0,0,0,...H("pict"),...new Array(13).fill(0)]),...z("pitm",[...o,0,1]),...z("iloc",[...o,68,0,0,1,0,1,0,0,0,1,...W(b,4),...W(s.length,4)]),...z("iinf",[...o,0,1,...l]),...z("iprp",[...a,...u])]),h=z("ftyp",[...H("avif"),0,0,0,0,...H("avifmif1miaf")]),m=[...h,...c(h.length+c(0).length+8)],d=[...W(s.length+8,4),...H("mdat")],f=new Uint8Array(m.length+d.length+s.length);return f.set(m),f.set(d,m.length),f.set(s,m.length+d.length),f}var H=s=>Array.from(s,e=>e.charCodeAt(0)),W=(s,e)=>Array.from({length:e},(t,n)=>s>>>8*(e-1-n)&255),z=(s,e)=>[...W(e.length+8,4),...H(s),...e];function jn(s){let[e,t]=At(s,On),[,n]=At(t,Dn),r=0,i=p=>{let g=0;for(;p>0;p--,r++)g=2*g+((e[r>>3]??0)>>7-(r&7)&1);return g},[o,a,u,l]=[i(3),i(1),i(1),i(5)],[c,h]=[i(4)+1,i(4)+1],[m,d]=[i(c)+1,i(h)+1];i(6);let f=i(1),b=o===0&&i(1)===1;if(n.length||f||!a||!u||!(o===1||b))throw A(xt);return{level:l,grey:b,width:m,height:d}}function At(s,e){let t=0;for(let n=0;n<4&&s[0]===e;n++){let r=s[1+n];if(r===void 0)break;if(t+=(r&127)*128**n,r<128){if(t>s.length-2-n)break;return[s.subarray(2+n,2+n+t),s.subarray(2+n+t)]}}throw A(xt)}var Gn=Uint8Array.of(137,80,78,71,13,10,26,10),Hn=0,Wn=2;async function kt(s,e,t){let n=s.bodies[e];if(n)return e==="alpha"&&n.length===2&&n[0]===0?new Uint8Array(s.width*s.height).fill(n[1]):Le(s,e,n[0],n.subarray(1),t)}async function Le({width:s,height:e},t,n,r,i){let o=n===1?"PNG":n===2?"WEBP":void 0;if(!o)throw A(`the ${t} section uses a method that this version does not know`);let a=o==="PNG"?Kn(r):Vn(r);if(a[0]!==s||a[1]!==e)throw A(`the ${t} section has not the size of the picture`);let u=`the ${t} section holds no ${o} of the form that is allowed`;if(o==="PNG"){let c=Yn(r,s,e,t!=="alpha");if(!c)throw A(u);return c}if(!qn(r))throw A(u);let l;try{l=await i(r,s,e,"image/webp")}catch{throw A(`the ${t} section cannot be decoded`)}return t!=="alpha"?Be(l):new Uint8Array(s*e).map((c,h)=>l[4*h+1])}function Be(s){let e=new Uint8Array(s.length/4*3);for(let t=0;4*t<s.length;t++)for(let n=0;n<3;n++)e[3*t+n]=s[4*t+n];return e}function Ne(s,e,t,n,r){if(r===1)return s;let i=Math.ceil(e/r),o=Math.ceil(t/r),a=new Uint8Array(i*o*n);for(let u=0;u<o;u++){let l=Math.min((u+1)*r,t);for(let c=0;c<i;c++){let h=Math.min((c+1)*r,e),m=(l-u*r)*(h-c*r);for(let d=0;d<n;d++){let f=m>>1;for(let b=u*r;b<l;b++)for(let p=c*r;p<h;p++)f+=s[(b*e+p)*n+d];a[(u*i+c)*n+d]=Math.floor(f/m)}}}return a}function Z(s){return new DataView(s.buffer,s.byteOffset,s.byteLength)}function ee(s,e,t){return Array.from(t).every((n,r)=>s[e+r]===n.charCodeAt(0))}function Kn(s){return s.length<24||!ee(s,12,"IHDR")?[0,0]:[Z(s).getUint32(16),Z(s).getUint32(20)]}function Vn(s){if(s.length<25||!ee(s,12,"VP8L"))return[0,0];let e=Z(s).getUint32(21,!0);return[(e&16383)+1,(e>>>14&16383)+1]}function qn(s){let e=Z(s),t=e.getUint32(16,!0),n=s.length===8+e.getUint32(4,!0)&&s.length===20+t+t%2&&!(t%2&&s[20+t]),r=s[20]===47&&e.getUint32(21,!0)<1<<28;return ee(s,0,"RIFF")&&ee(s,8,"WEBP")&&n&&r}function Yn(s,e,t,n){if(!V(s.subarray(0,8),Gn))return;let r=Xn(s),[i,o,...a]=s.subarray(24,29);if(!r||!(n?i===8&&o===Wn:o===Hn&&(i===1||i===8))||a.some(d=>d))return;let l=n?3:1,c=Math.ceil(e*i*l/8),h;try{h=oe(r,(1+c)*t)}catch(d){if(d instanceof S)return;throw d}let m=Jn(h,c,t,l);return!m||i===8?m:new Uint8Array(e*t).map((d,f)=>{let b=f%e;return m[Math.floor(f/e)*c+(b>>3)]>>7-(b&7)&1?255:0})}function Xn(s){let e=Z(s),t=[];for(let n=8,r=0;n+12<=s.length;r++){let i=n+12+e.getUint32(n);if(i>s.length)return;let o=s.subarray(n+4,i-4);if(re(o)!==e.getUint32(i-4))return;let a=["IHDR","IDAT","IEND"].find(u=>ee(o,0,u));if(!a||a==="IHDR"!=(r===0)||!r&&o.length!==17)return;if(a==="IEND"){if(i!==s.length||o.length!==4)return;let u=new Uint8Array(t.reduce((c,h)=>c+h.length,0)),l=0;for(let c of t)u.set(c,l),l+=c.length;return u}a==="IDAT"&&t.push(o.subarray(4)),n=i}}function Jn(s,e,t,n){let r=new Uint8Array(e*t);for(let i=0;i<t;i++){let o=i*(e+1),a=i*e,u=s[o];if(u>4)return;for(let l=0;l<e;l++){let c=l>=n?r[a+l-n]:0,h=i?r[a+l-e]:0,m=i&&l>=n?r[a+l-e-n]:0,d=[0,c,h,c+h>>1,Qn(c,h,m)][u];r[a+l]=s[o+1+l]+d}}return r}function Qn(s,e,t){let n=Math.abs(e-t),r=Math.abs(s-t),i=Math.abs(s+e-2*t);return n<=r&&n<=i?s:r<=i?e:t}var he=64,Ut=3;async function St(s,e){let t=s.bodies.blocks;if(!t)return;let n=t[0];if(n!==1&&n!==2&&n!==Ut)throw A("the blocks section uses a method that this version does not know");let r=Math.ceil(s.width/he),i=r*Math.ceil(s.height/he),o=[],a=1;for(let c=!1;o.length<i;c=!c){let[h,m]=I(t,a);if(h>i-o.length||h===0&&(c||o.length))throw A("the blocks section has runs that do not fit the picture");o.push(...new Array(h).fill(c)),a=m}if(!o.includes(!0))throw A("the blocks section holds no block");if(!o.includes(!1)&&s.tiles.some(c=>c.length))throw A("the file holds its pixels twice");let u=t.subarray(a);if(n!==Ut)return{columns:r,mask:o,samples:await Le(s,"blocks",n,u,e)};let l=Mt(u,(c,h)=>c===s.width&&h===s.height);try{let c=await e(l,s.width,s.height,"image/avif");return{columns:r,mask:o,samples:Be(c)}}catch{throw A("the blocks section cannot be decoded")}}var Et="Exif\0\0";var Zn={1:[1],2:[1],3:[2,(s,e,t)=>s.getUint16(e,t)],4:[4,(s,e,t)=>s.getUint32(e,t)],5:[8,(s,e,t)=>s.getUint32(e,t)/s.getUint32(e+4,t)],6:[1,(s,e)=>s.getInt8(e)],7:[1],8:[2,(s,e,t)=>s.getInt16(e,t)],9:[4,(s,e,t)=>s.getInt32(e,t)],10:[8,(s,e,t)=>s.getInt32(e,t)/s.getInt32(e+4,t)],11:[4,(s,e,t)=>s.getFloat32(e,t)],12:[8,(s,e,t)=>s.getFloat64(e,t)]};function Tt(s){let e=[],t=s;for(;Ce(t,Et);)t=t.subarray(Et.length);let n=Ce(t,"II");if(t.length<8||!(n||Ce(t,"MM")))return e;let r=new DataView(t.buffer,t.byteOffset,t.length),i=r.getUint32(4,n);if(!i||i+2>t.length)return e;let o=Math.min(i+2+12*r.getUint16(i,n),t.length);for(let a=i+2;a+12<=o;a+=12){let[u,l]=Zn[r.getUint16(a+2,n)]??[1],c=u*r.getUint32(a+4,n),h=c>4?r.getUint32(a+8,n):a+8,m=c>0&&h+c<=t.length;e.push([r.getUint16(a,n),l&&m?l(r,h,n):NaN])}return e}function Ce(s,e){return Array.from(e).every((t,n)=>s[n]===t.charCodeAt(0))}var er=274,[tr,nr,rr]=[282,283,296],_t=2,sr={[_t]:1,3:2.54},or=.013,ir=72e3;function It({xmp:s,comment:e,exif:t,resolution:n}){for(let[a,u]of Object.entries({xmp:s,comment:e}))if(u&&!Xe(u))throw A(`the ${a} section is not valid UTF-8`);let r=t?Tt(t):[];if(r.some(([a,u])=>a===er&&u!==1))throw A("the exif section has an orientation, but pixels are stored upright");if(!n)return;let i=ar(n);if(cr(new Map(r))?.every((a,u)=>a===i[u]))throw A("the resolution section says what the exif section says already")}function ar(s){let[e,t]=I(s,0),[n,r]=I(s,t);if(r!==s.length||!e||!n)throw A("the resolution section is not as it should be");return[e,n]}function cr(s){let e=sr[s.get(rr)??_t]??NaN,[t,n]=[tr,nr].map(i=>(s.get(i)??NaN)*e);if(![t,n].every(i=>i>=.001&&i<1e6))return;let r=[Pt(t),Pt(n)];return r.every(i=>i===ir)?void 0:r}function Pt(s){let e=Math.round(s);if(Math.abs(s-e)<or)return 1e3*e;let t=Math.round(1e3*Number(s.toFixed(3)));return 16*s%2===1&&t%2?t-1:t}var $t=`// Kernels of the synthesis for WebGPU (docs/reference/format.md, section 9).
//
// They work on a copy of the memory of the kernels in WebAssembly, at the same addresses. A job's
// numbers are those of assembly/synthesis.ts where a comment says nothing else. Addresses are in
// bytes. Most kernels compute one value in each thread; the last number is how many there are.
//
// HEAD is put before this text: values in a head of the attention.

const THREADS = 64;
const ACCUMULATE = 1; // add to what stands in the output
const HSWISH = 2; // pass the result through hswish

struct Job { numbers: array<vec4<i32>, 5> }

// Not floats: the bits of a whole number are no float that a GPU keeps as it is.
@group(0) @binding(0) var<storage, read_write> memory: array<u32>;
@group(0) @binding(1) var<uniform> job: Job;

fn at(i: i32) -> i32 { return job.numbers[i / 4][i % 4]; }
fn address(i: i32) -> i32 { return at(i) / 4; }
fn load(i: i32) -> f32 { return bitcast<f32>(memory[i]); }
fn store(i: i32, v: f32) { memory[i] = bitcast<u32>(v); }
fn hswish(v: f32) -> f32 { return v * clamp(v + 3, 0, 6) / 6; }

/// Workgroups stand in rows, as one row has a limit.
fn number(group: vec3u, groups: vec3u) -> i32 { return i32(group.y * groups.x + group.x); }

/// The value that a thread computes, or -1.
fn unit(group: vec3u, groups: vec3u, thread: u32) -> i32 {
  let i = number(group, groups) * THREADS + i32(thread);
  return select(-1, i, i < at(19));
}

// A workgroup multiplies ROWS rows by COLUMNS columns, STEP inputs at a time, and each of its
// threads four rows by eight columns.
const ROWS = 32;
const COLUMNS = 64;
const STEP = 16;
var<workgroup> tokens: array<f32, 512>; // ROWS x STEP
var<workgroup> weights: array<f32, 1024>; // STEP x COLUMNS

/// out = x w + bias: as \`dense\`, then the number of rows.
@compute @workgroup_size(64)
fn dense(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let x = address(0); let xs = address(1);
  let w = address(2); let ws = address(3); let ps = address(4);
  let inputs = at(8); let outputs = at(9); let mode = at(10); let rows = at(11);
  let thread = i32(index);
  let row = i32(group.y) * ROWS;
  let column = i32(group.x) * COLUMNS;
  let ownRow = thread / 8 * 4;
  let ownColumn = thread % 8 * 8;
  var sums: array<array<f32, 8>, 4>;
  for (var first = 0; first < inputs; first += STEP) {
    for (var i = thread; i < ROWS * STEP; i += THREADS) {
      let r = row + i / STEP;
      let input = first + i % STEP;
      var v = 0.0;
      if (r < rows && input < inputs) { v = load(x + r * xs + input); }
      tokens[i] = v;
    }
    for (var i = thread; i < STEP * COLUMNS; i += THREADS) {
      let input = first + i / COLUMNS;
      let output = column + i % COLUMNS;
      var v = 0.0;
      if (input < inputs && output < outputs) {
        v = load(w + output / 8 * ps + input * ws + output % 8);
      }
      weights[i] = v;
    }
    workgroupBarrier();
    for (var i = 0; i < STEP; i++) {
      for (var r = 0; r < 4; r++) {
        let v = tokens[(ownRow + r) * STEP + i];
        for (var c = 0; c < 8; c++) { sums[r][c] += v * weights[i * COLUMNS + ownColumn + c]; }
      }
    }
    workgroupBarrier();
  }
  for (var r = 0; r < 4; r++) {
    for (var c = 0; c < 8; c++) {
      let output = column + ownColumn + c;
      if (row + ownRow + r >= rows || output >= outputs) { continue; }
      let to = address(6) + (row + ownRow + r) * address(7) + output;
      var v = sums[r][c];
      if (at(5) != 0) { v += load(address(5) + output); }
      if ((mode & ACCUMULATE) != 0) { v += load(to); }
      if ((mode & HSWISH) != 0) { v = hswish(v); }
      store(to, v);
    }
  }
}

var<workgroup> parts: array<f32, 64>;

/// The sum of a value over the threads of a workgroup.
fn total(value: f32, thread: u32) -> f32 {
  parts[thread] = value;
  for (var n = 32u; n > 0; n /= 2) {
    workgroupBarrier();
    if (thread < n) { parts[thread] += parts[thread + n]; }
  }
  let sum = workgroupUniformLoad(&parts[0]);
  workgroupBarrier();
  return sum;
}

/// Tokens with mean 0 and variance 1: in, out, channels, scale, shift, tokens. A workgroup each.
@compute @workgroup_size(64)
fn norm(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let channels = at(2);
  let token = min(number(group, groups), at(5) - 1); // all threads must reach the barriers
  let x = address(0) + token * channels;
  var sum = 0.0;
  for (var c = i32(thread); c < channels; c += THREADS) { sum += load(x + c); }
  let mean = total(sum, thread) / f32(channels);
  sum = 0;
  for (var c = i32(thread); c < channels; c += THREADS) {
    let off = load(x + c) - mean;
    sum += off * off;
  }
  let factor = 1 / sqrt(total(sum, thread) / f32(channels) + 1e-5);
  for (var c = i32(thread); c < channels; c += THREADS) {
    let v = (load(x + c) - mean) * factor;
    store(address(1) + token * channels + c, v * load(address(3) + c) + load(address(4) + c));
  }
}

/// Attention: qkv of all tokens, out, height, width, channels, window, shift, heads, windows in a
/// row, biases by places, windows. A workgroup for each head of each window, a thread for each
/// token. One pass: sums are scaled down when a higher score comes.
@compute @workgroup_size(64)
fn attention(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let h = at(2); let w = at(3); let d = at(4); let side = at(5);
  let heads = at(7);
  let whole = side * side;
  let window = number(group, groups) / heads;
  if (window >= at(10)) { return; }
  let head = number(group, groups) % heads;
  let before = select(0, side - at(6), at(6) != 0);
  let top = window / at(8) * side - before;
  let left = window % at(8) * side - before;
  for (var own = i32(thread); own < whole; own += THREADS) {
    let y = top + own / side;
    let x = left + own % side;
    if (y < 0 || x < 0 || y >= h || x >= w) { continue; }
    let query = address(0) + (y * w + x) * 3 * d + head * HEAD;
    var most = -1e30;
    var weight = 0.0;
    var sums: array<f32, HEAD>;
    for (var other = 0; other < whole; other++) {
      let y = top + other / side;
      let x = left + other % side;
      if (y < 0 || x < 0 || y >= h || x >= w) { continue; }
      let key = address(0) + ((y * w + x) * 3 + 1) * d + head * HEAD;
      var score = load(address(9) + (head * whole + own) * whole + other);
      for (var i = 0; i < HEAD; i++) { score += load(query + i) * load(key + i); }
      let highest = max(most, score);
      let old = exp(most - highest);
      let new_ = exp(score - highest);
      weight = weight * old + new_;
      for (var i = 0; i < HEAD; i++) { sums[i] = sums[i] * old + new_ * load(key + d + i); }
      most = highest;
    }
    let out = address(1) + (y * w + x) * d + head * HEAD;
    for (var i = 0; i < HEAD; i++) { store(out + i, sums[i] / weight); }
  }
}

/// Values of the first half of a row times the hswish of the second: rows, values in a half.
@compute @workgroup_size(64)
fn gate(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let x = address(0) + i / at(1) * 2 * at(1) + i % at(1);
  store(x, load(x) * hswish(load(x + at(1))));
}

@compute @workgroup_size(64)
fn scale(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let v = f32(bitcast<i32>(memory[address(0) + i]));
  store(address(1) + i, v * load(address(3) + i % at(2)));
}

@compute @workgroup_size(64)
fn shuffle(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let to = unit(group, groups, thread);
  if (to < 0) { return; }
  let w = at(2); let n = at(3); let d = at(4);
  let x = to / d % (w * n);
  let y = to / d / (w * n);
  let part = (y / n * w + x / n) * n * n + y % n * n + x % n;
  store(address(1) + to, load(address(0) + part * d + to % d));
}

@compute @workgroup_size(64)
fn near(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let to = unit(group, groups, thread);
  if (to < 0) { return; }
  let h = at(2); let w = at(3); let d = at(4); let side = at(5);
  let c = to % d;
  let x = to / d % w - side / 2;
  let y = to / d / w - side / 2;
  var sum = load(address(7) + c);
  for (var i = max(0, -y); i < min(side, h - y); i++) {
    for (var j = max(0, -x); j < min(side, w - x); j++) {
      let weight = load(address(6) + (i * side + j) * d + c);
      sum += weight * load(address(0) + ((y + i) * w + x + j) * d + c);
    }
  }
  store(address(1) + to, sum);
}

/// Where a value of a patch stands in planes: cells in a row, cells in a column, n.
fn inPlanes(i: i32, across: i32, down: i32, n: i32) -> i32 {
  let value = i % (3 * n * n);
  let cell = i / (3 * n * n);
  let y = cell / across * n + value / n % n;
  let x = cell % across * n + value % n;
  return (value / (n * n) * down * n + y) * across * n + x;
}

/// Patches into planes: patches, planes, cells in a row, cells in a column, n, whether to add.
@compute @workgroup_size(64)
fn place(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let to = address(1) + inPlanes(i, at(2), at(3), at(4));
  var v = load(address(0) + i);
  if (at(5) != 0) { v += load(to); }
  store(to, v);
}

/// Planes as patches: the numbers of \`place\`.
@compute @workgroup_size(64)
fn patches(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  store(address(0) + i, load(address(1) + inPlanes(i, at(2), at(3), at(4))));
}

/// z = shift + z (1 + gain): shifts and gains of each token, z, tokens in a row, cells per side of a
/// token, channels of z.
@compute @workgroup_size(64)
fn modulate(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let w = at(2); let n = at(3); let c = at(4);
  let half = n * n * c;
  let x = i / c % (w * n);
  let y = i / c / (w * n);
  let token = y / n * w + x / n;
  let shift = address(0) + token * 2 * half + (y % n * n + x % n) * c + i % c;
  let z = load(address(1) + i);
  store(address(1) + i, z + load(shift) + z * load(shift + half));
}

/// 16 samples at \`start\`, \`step\` apart, times a matrix whose rows and columns are so far apart.
fn lap(start: i32, step: i32, matrix: i32, down: i32, across: i32) {
  var samples: array<f32, 16>;
  for (var i = 0; i < 16; i++) { samples[i] = load(start + i * step); }
  for (var j = 0; j < 16; j++) {
    var sum = 0.0;
    for (var i = 0; i < 16; i++) { sum += samples[i] * load(matrix + i * down + j * across); }
    store(start + j * step, sum);
  }
}

@compute @workgroup_size(64)
fn lapColumns(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let width = at(1);
  let borders = width / 16 - 1;
  let start = address(0) + i / borders * width + 8 + 16 * (i % borders);
  lap(start, 1, address(2), 16, 1);
}

@compute @workgroup_size(64)
fn lapRows(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let width = at(1);
  let borders = at(3);
  let border = i / width;
  let row = border / borders * at(4) + border % borders * 16 + 8;
  lap(address(0) + row * width + i % width, width, address(2), 1, 16);
}

/// The sum of \`factor x factor\` samples from one of them on.
fn sumOf(first: i32, width: i32, factor: i32) -> f32 {
  var sum = 0.0;
  for (var y = 0; y < factor; y++) {
    for (var x = 0; x < factor; x++) { sum += load(first + y * width + x); }
  }
  return sum;
}

@compute @workgroup_size(64)
fn means(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let width = at(1); let factor = at(2);
  let columns = width / factor;
  let first = address(0) + i / columns * factor * width + i % columns * factor;
  var mean = sumOf(first, width, factor) / f32(factor * factor);
  if (at(4) != 0) { mean += load(address(3) + i); }
  store(address(3) + i, mean);
}

@compute @workgroup_size(64)
fn pixels(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let width = at(1); let factor = at(3); let columns = at(6);
  let first = address(0) + ((at(7) + i / columns) * width + at(5) + i % columns) * factor;
  var levels: array<u32, 3>;
  for (var c = 0; c < 3; c++) {
    let mean = sumOf(first + c * width * at(2), width, factor) / f32(factor * factor);
    levels[c] = u32(round(clamp(mean + 128, 0, 255)));
  }
  if (at(8) != 0) {
    let grey = (levels[0] + levels[1] + levels[2] + 1) / 3;
    levels = array(grey, grey, grey);
  }
  memory[address(4) + i] = levels[0] | (levels[1] << 8) | (levels[2] << 16) | 0xff000000;
}
`;var lr=64,hr=32768,[mr,dr]=[32,64],Fe=16384,Rt=19,me=256,fr=1<<30,Oe=1,pr=2,br={scale:(s,e)=>e*s[2],shuffle:(s,e)=>e*s[2]*s[3]**2*s[4],near:(s,e)=>e*s[3]*s[4],lapColumns:(s,e)=>e*(s[1]/16-1),lapRows:(s,e)=>e*s[1],means:(s,e)=>e*s[1]/s[2],pixels:(s,e)=>e*s[6]},de=class s{constructor(e,t,n){this.device=e;this.machine=t;this.room=e.limits.maxStorageBufferBindingSize,this.module=e.createShaderModule({code:`const HEAD = ${n};
${$t}`});let r=GPUShaderStage.COMPUTE;this.layout=e.createBindGroupLayout({entries:[{binding:0,visibility:r,buffer:{type:"storage"}},{binding:1,visibility:r,buffer:{type:"uniform",hasDynamicOffset:!0}}]})}device;machine;room;pipelines=new Map;module;layout;memory;weights=-1;jobs=[];inputs=[];static async open(e,t,n){let{navigator:r}=globalThis,i=await r?.gpu?.requestAdapter({powerPreference:"high-performance"});if(!i||i.info.isFallbackAdapter&&!n)return;let{maxBufferSize:o,maxStorageBufferBindingSize:a}=i.limits,u=Math.min(o,a,fr),l={maxBufferSize:u,maxStorageBufferBindingSize:u};return new s(await i.requestDevice({requiredLimits:l}),e,t)}input(e,t){this.inputs.push([e,t])}run(e,t,n){let r=br[e];r?this.values(e,t,r(t,n)):e==="dense"?this.dense(t,n):this.machine.within(()=>{if(e==="tokens")this.mlp(t[0],n,t[1],t.slice(2));else if(e==="windows")this.windows(t,n);else if(e==="place")this.place(t);else if(e==="embed")this.embed(t);else if(e==="modulate")this.modulate(t,n);else throw new Error(`${e} does not run on a GPU`)})}job(e,t,n,r){n&&r&&this.jobs.push({kernel:e,numbers:t,groups:[n,r]})}groups(e,t,n){let r=Math.ceil(n/hr);this.job(e,t,Math.ceil(n/r),r)}values(e,t,n){let r=[...t,...new Array(Rt-t.length).fill(0),n];this.groups(e,r,Math.ceil(n/lr))}dense(e,t){let n=Math.ceil(e[9]/dr);this.job("dense",[...e,t],n,Math.ceil(t/mr))}linear(e,t,n,r,i,o,a,u=0,l=t){let c=[n,32,32*t,r,i,4*o,t,o,u];this.dense([e,4*l,...c],a)}mlp(e,t,n,r){let[i,o,a,u,l,c,h,m]=r,d=m?2*h:h,f=Math.min(t,Fe),b=i?this.machine.alloc(4*f*n):0,p=this.machine.alloc(4*f*d);for(let g=0;g<t;g+=Fe){let y=Math.min(Fe,t-g),w=e+4*g*n;i&&this.groups("norm",[w,b,n,i,o,y],y);let v=i?b:w;this.linear(v,n,a,u,p,d,y,m?0:pr),m&&this.values("gate",[p,h],y*h),this.linear(p,h,l,c,w,n,y,Oe,d)}}windows(e,t){let[n,r,i,o,a,u,l,c,h,m,d,f,b,p,g]=e,y=r*i;this.machine.within(()=>{let w=this.machine.alloc(4*y*o),v=this.machine.alloc(12*y*o);this.groups("norm",[n,w,o,h,m,y],y),this.linear(w,o,d,f,v,3*o,y);let x=[v,w,r,i,o,a,u,l,c,b,t];this.groups("attention",x,t*l),this.linear(w,o,p,g,n,o,y,Oe)}),this.mlp(n,y,o,e.slice(16))}place(e){let[t,n,r,i,o,a,u,l,c,h,m,d,f,b,p]=e,g=3*h*h,y=l*c,w=this.machine.alloc(4*y*g);if(this.dense([t,4*n,r,i,o,a,w,4*g,n,g,0],y),f){let v=[d,4*p,b,i,o,0,w,4*g,f,g];this.dense([...v,Oe],y)}this.values("place",[w,u,l,c,h,m],y*g)}embed(e){let[t,n,r,i,o,a,u,l,c]=e,h=3*i*i,m=n*r,d=this.machine.alloc(4*m*h);this.values("patches",[d,t,n,r,i],m*h),this.linear(d,h,o,a,u,l,m,c)}modulate(e,t){let[n,r,i,o,a,u,l,c]=e,h=l*l*c,m=t*u,d=this.machine.alloc(8*m*h);this.linear(n,r,i,o,d,2*h,m),this.values("modulate",[d,a,u,l,c],m*h)}async result(e,t,n){let{device:r,jobs:i,inputs:o}=this;[this.jobs,this.inputs]=[[],[]];let a=["validation","out-of-memory","internal"];for(let m of a)r.pushErrorScope(m);let u=this.submit(i,o,e,t,n),c=(await Promise.all(a.map(()=>r.popErrorScope()))).find(m=>m!==null);if(c)throw new Error(c.message);await u.mapAsync(GPUMapMode.READ);let h=new Uint8Array(u.getMappedRange()).slice(0,t);return u.destroy(),h}submit(e,t,n,r,i){let{device:o,machine:a}=this,{queue:u}=o,l=a.size;if(!this.memory||this.memory.size<l){if(l>this.room)throw new Error(`the GPU has no buffer of ${l} bytes`);this.memory?.destroy();let v=GPUBufferUsage.STORAGE|GPUBufferUsage.COPY_DST|GPUBufferUsage.COPY_SRC;this.memory=o.createBuffer({size:l,usage:v}),this.weights=-1}let{memory:c}=this,h=(v,x)=>{u.writeBuffer(c,v,a.u8(v,x))};this.weights!==i.version&&h(0,i.bytes),this.weights=i.version;for(let[v,x]of t)h(v,x);let m=o.createBuffer({size:me*e.length,usage:GPUBufferUsage.UNIFORM|GPUBufferUsage.COPY_DST}),d=new Int32Array(me/4*e.length);e.forEach((v,x)=>{d.set(v.numbers,me/4*x)}),u.writeBuffer(m,0,d);let f=o.createBindGroup({layout:this.layout,entries:[{binding:0,resource:{buffer:c}},{binding:1,resource:{buffer:m,size:4*(Rt+1)}}]}),b=o.createCommandEncoder(),p=b.beginComputePass();e.forEach(({kernel:v,groups:x},M)=>{p.setPipeline(this.pipeline(v)),p.setBindGroup(0,f,[me*M]),p.dispatchWorkgroups(...x)}),p.end();let g=Math.ceil(r/4)*4,y=GPUBufferUsage.COPY_DST|GPUBufferUsage.MAP_READ,w=o.createBuffer({size:g,usage:y});return b.copyBufferToBuffer(c,n,w,0,g),u.submit([b.finish()]),m.destroy(),w}pipeline(e){let t=this.pipelines.get(e);if(!t){let n=this.device.createPipelineLayout({bindGroupLayouts:[this.layout]}),r={module:this.module,entryPoint:e};t=this.device.createComputePipeline({layout:n,compute:r}),this.pipelines.set(e,t)}return t}};var fe=class{constructor(e,t){this.machine=e;this.model=t}machine;model;version=0;setting=-1;realism=0;second;byRealism=[];bySetting=[];use(e,t,n){if(t!==this.realism){this.realism=t,this.second=n;for(let r of this.byRealism)r()}else if(e===this.setting)return;this.setting=e,this.version++;for(let r of this.bySetting)r()}row(e,t){let n=this.machine.alloc(4*e().shape[1]);return this.bySetting.push(()=>{let r=t(ue(e(),this.setting));this.machine.f32(n,r.length).set(r)}),n}values(e){let t=this.model.tensor(`tcae.decoder.${e}`).values,n=this.realism?this.second?.get(e)?.values:void 0;return n?Float32Array.from(t,(r,i)=>r+this.realism*(n[i]-r)):t}shape(e){return this.model.tensor(`tcae.decoder.${e}`).shape}now(e){e(),this.byRealism.push(e)}linear(e,{gain:t=1,divide:n=1}={}){let{machine:r}=this,[i,o]=this.shape(`${e}.weight`),a=Math.ceil(i/8),u=r.zeros(32*a*o),l=r.zeros(32*a);return this.now(()=>{let c=this.values(`${e}.weight`),h=r.f32(u,8*a*o);for(let d=0;d<i;d++){let f=(d>>3)*8*o+(d&7);for(let b=0;b<o;b++){let p=typeof n=="number"?n:n[b];h[f+8*b]=c[d*o+b]*t/p}}let m=this.values(`${e}.bias`);r.f32(l,i).forEach((d,f,b)=>b[f]=m[f]*t)}),{weights:u,bias:l,inputs:o,outputs:i}}near(e){let{machine:t}=this,[n,,r]=this.shape(`${e}.weight`),i=r*r,o=t.alloc(4*i*n),a=t.alloc(4*n);return this.now(()=>{let u=this.values(`${e}.weight`),l=t.f32(o,i*n);for(let c=0;c<n;c++)for(let h=0;h<i;h++)l[h*n+c]=u[c*i+h]+ +(h===i>>1);t.f32(a,n).set(this.values(`${e}.bias`))}),[n,r,o,a]}norm(e){let t=this.shape(`${e}.table`),n=t[1]/2,r=this.row(()=>({values:Float32Array.from(this.values(`${e}.table`)),shape:t}),i=>i.map((o,a)=>a<n?o+1:o));return{scale:r,shift:r+4*n}}mlp(e,t,n){let r=this.linear(`${e}.fc1`),i=this.linear(`${e}.fc2`);return[[t?.scale??0,t?.shift??0,r.weights,r.bias,i.weights,i.bias,i.inputs,Number(n)],r.outputs]}blocks(e,t){let n=this.model.attending(t);return Array.from({length:t},(r,i)=>{let o=`${e}.${i}`,a=this.near(`${o}.dw`),u=this.norm(`${o}.norm2`),[l,c]=this.mlp(o,u,this.model.config.gated),h=n.indexOf(i),m=h<0?void 0:this.attention(o,h%2===1);return{near:a,attention:m,mlp:l,hidden:c,channels:a[0]}})}attention(e,t){let{machine:n}=this,{window:r,head_dim:i}=this.model.config,o=`${e}.attn`,a=r*r,[u,l]=this.shape(`${o}.bias`),c=n.alloc(4*u*a*a);this.now(()=>{let f=this.values(`${o}.bias`),b=n.f32(c,u*a*a);for(let p=0;p<b.length;p++){let[g,y]=[Math.floor(p/a)%a,p%a],w=Math.floor(g/r)-Math.floor(y/r)+r-1,v=g%r-y%r+r-1;b[p]=f[Math.floor(p/a/a)*l+w*(2*r-1)+v]}});let h=this.linear(`${o}.qkv`);this.now(()=>{let f=1/Math.sqrt(i),b=h.outputs/3,p=n.f32(h.bias,b);p.forEach((y,w)=>p[w]=y*f);let g=n.f32(h.weights,Math.ceil(b/8)*8*h.inputs);for(let y=0;y<g.length;y++)Math.floor(y/8/h.inputs)*8+(y&7)<b&&(g[y]*=f)});let m=this.norm(`${e}.norm1`),d=this.linear(`${o}.proj`);return{norm:m,qkv:h,places:c,proj:d,shift:t?r>>1:0}}};var te=16,O=4,De=16,zt=64,D=64,Lt=1,Bt=2,je=64,pe=class{constructor(e,t){this.machine=e;this.model=t;let{config:n}=t,r=t.tensor("tcae.std").values,i=gr(),o=new fe(e,t),a=o.row(()=>t.tensor("tcae.log_step"),l=>l.map(c=>2**c/16));this.weights=o;let u=n.renderer&&{embed:o.linear("renderer.embed",{divide:zt}),modulate:o.linear("renderer.modulate"),near:o.near("renderer.dw"),mlp:o.mlp("renderer",void 0,!0),out:o.linear("renderer.out",{gain:De}),small:o.linear("small",{gain:De})};this.net={steps:a,merge:e.put(t.tensor("tcae.shortcut.merge").values),basis:e.put(t.tensor("tcae.shortcut.basis").values),matrix:e.put(i),transposed:e.put(i.map((l,c)=>i[c%16*16+(c>>4)])),coarse1:o.linear("coarse1",{divide:r.subarray(0,t.coarse)}),coarse2:o.linear("coarse2"),fine1:o.linear("fine1",{divide:r.subarray(t.coarse)}),fine2:o.linear("fine2"),blocks2:o.blocks("blocks2",n.dec_blocks2),renderer:u,last:u?void 0:{split:o.linear("split"),embed:o.linear("embed",{divide:zt}),blocks1:o.blocks("blocks1",n.dec_blocks1),blend:n.blend?o.near("blend.dw"):void 0,out:o.linear("out",{gain:De})}},this.end=e.alloc(0)}machine;model;weights;net;end;gpu;use(e,t,n){this.weights.use(e,t,n)}run(e,t,n,r=0,i=1){this.gpu?this.gpu.run(e,t,n):this.machine.run(e,t,n,r,i)}dense(e,t,n,r=0,i=0,o=n.inputs){let{weights:a,bias:u,inputs:l,outputs:c}=n,h=i||this.machine.alloc(4*t*c),m=[e,4*l,a,32,32*l,u,h,4*c,o,c,r];return this.run("dense",m,t,0,je),h}shuffle(e,t,n,r,i){if(r===1)return e;let o=this.machine.alloc(4*t*n*r*r*i);return this.run("shuffle",[e,o,n,r,i],t),o}nearby(e,t,n,r,i){this.run("near",[e,i,t,n,...r],t)}through(e,t,n,r){let{machine:i}=this,{window:o,head_dim:a}=this.model.config,u=e.length?i.alloc(4*n*r*e[0].channels):0;for(let{near:l,attention:c,mlp:h,hidden:m,channels:d}of e){if(this.nearby(t,n,r,l,u),[t,u]=[u,t],!c){let P=4*D*(d+m);this.run("tokens",[t,d,...h],n*r,P,D);continue}let{norm:f,qkv:b,places:p,proj:g,shift:y}=c,w=P=>Math.ceil((P+(y&&o-y))/o),v=o*o,x=Math.ceil(v/8)*8,M=Math.max(4*d*v+(a+v)*x,(d+m)*v),E=[t,n,r,d,o,y,d/a,w(r),f.scale,f.shift,b.weights,b.bias,p,g.weights,g.bias,0,...h],U=4*(v*d+M);this.run("windows",E,w(n)*w(r),U)}return t}place(e,t,n,r,i,o,a){let{weights:u,bias:l,inputs:c}=t,h=[e,c,u,32,32*c,l,n,i,r,o,Number(a),0,0];this.run("place",h,r,4*D*3*o*o)}embed(e,t,n,r,i,o,a){let u=[e,n,t,r,i.weights,i.bias,o,i.outputs,a];this.run("embed",u,t,4*D*3*r*r)}async picture(e,t,n,r,i){let{machine:o,net:a}=this,{h:u,w:l}=e;return this.gpu=i,o.within(()=>{let[c,h]=[32*l,32*u],m=o.alloc(12*c*h),[d,f]=this.scaled(e);this.linearPicture(e,d,f,m);let{token:b}=this.model,[p,g]=[h/b,c/b],y=a.renderer&&t>=O,w=m;y&&(w=o.alloc(12*c*h/t**2),this.run("means",[m,c,t,w,0],3*h/t)),o.within(()=>{let P=this.tokens(e,d,f);if(!y){this.correct(P,p,g,m);return}let _=a.renderer.small,$=o.alloc(12*c*h/O**2);this.place(P,_,$,p,g,b/O,!1);let L=[$,c/O,t/O,w,1];this.run("means",L,3*h/t)});let v=o.alloc(4*n.width*n.height),[x,M]=y?[1,t]:[t,1];this.run("pixels",[w,c/M,h/M,x,v,n.left,n.width,n.top,Number(r)],n.height);let E=4*n.width*n.height,U={bytes:this.end,version:this.weights.version};return i?.result(v,E,U)??o.u8(v,E).slice()})}scaled({h:e,w:t,coarse:n,fine:r}){let{machine:i,model:o,net:a}=this,u=(l,c,h,m)=>{let d=i.put(l);this.gpu?.input(d,4*l.length);let f=a.steps+4*m;return this.run("scale",[d,d,h,f],c,0,je),d};return[u(n,e*t,o.coarse,0),u(r,4*e*t,o.fine,o.coarse)]}linearPicture({h:e,w:t,used:n},r,i,o){let{machine:a,model:u,net:l}=this,[c,h]=[32*t,32*e],m=u.coarse,d=m/4;a.within(()=>{let p=a.alloc(4*e*t*m),g=[r,4*m,l.merge,4*m,32,0,p,4*m,m,m,0];this.run("dense",g,e*t,0,je);let y=this.shuffle(p,e,t,2,d),w=3*te*te*4,v=[y,d,l.basis,w,32,0,o,2*t,2*e,te,0,i,n,l.basis+d*w,u.fine];this.run("place",v,2*e,D*w)}),this.run("lapColumns",[o,c,l.matrix],3*h,4*c);let f=h/te-1,b=[o,c,l.transposed,f,h];this.run("lapRows",b,3*f,64*c)}tokens({h:e,w:t,used:n},r,i){let{net:o,model:a}=this,u=this.dense(r,e*t,o.coarse1,Bt),l=this.dense(u,e*t,o.coarse2),c=this.shuffle(l,e,t,2,o.fine1.outputs);this.dense(i,4*e*t,o.fine1,Lt|Bt,c,n);let h=this.dense(c,4*e*t,o.fine2),m=te/a.token,d=this.shuffle(h,2*e,2*t,m,a.config.dim2);return this.through(o.blocks2,d,2*e*m,2*t*m)}correct(e,t,n,r){let{machine:i,net:o}=this,{config:a,token:u}=this.model;if(o.renderer){let{embed:w,modulate:v,near:x,mlp:M,out:E}=o.renderer,U=u/O,P=t*n*U*U,_=w.outputs,$=i.alloc(4*P*_);this.embed(r,U*t,U*n,O,w,$,0);let L=[e,v.inputs,v.weights,v.bias,$,n,U,_];this.run("modulate",L,t,4*D*v.outputs);let B=i.alloc(4*P*_);this.nearby($,U*t,U*n,x,B);let C=4*D*M[1];this.run("tokens",[B,_,...M[0]],P,C,D),this.place(B,E,r,U*t,U*n,O,!0);return}let{split:l,embed:c,blocks1:h,blend:m,out:d}=o.last,f=a.staged?2:1,b=this.dense(e,t*n,l),p=this.shuffle(b,t,n,f,a.dim1),[g,y]=[f*t,f*n];if(this.embed(r,g,y,a.patch,c,p,Lt),p=this.through(h,p,g,y),m){let w=i.alloc(4*g*y*a.dim1);this.nearby(p,g,y,m,w),p=w}this.place(p,d,r,g,y,a.patch,!0)}};function gr(){let s=(n,r)=>.5*Math.cos(Math.PI*(2*r+1)*n/16)*(n?1:Math.SQRT1_2),e=(n,r)=>.5*Math.cos(Math.PI*(2*r+1)*(2*n+1)/32),t=(n,r)=>{let i=0;for(let o=0;o<8;o++)i+=s(o,7-n)*e(o,7-r);return i};return Float32Array.from({length:256},(n,r)=>{let[i,o]=[r>>4,r&15],[a,u]=[i&7,o&7],l=+(a===u),c=+(a+u===7);return i<8?(o<8?l+t(7-a,7-u):c-t(7-a,u))/2:(o<8?c-t(a,7-u):l+t(a,u))/2})}var Nt=6<<20,yr=100,be=class{constructor(e,t){this.machine=e;this.model=t;this.synthesis=new pe(e,t)}machine;model;synthesis;gpus=new Map;async gpu(e){if(e==="cpu")return;let t=e==="gpu",n=this.gpus.get(t)??this.open(t).catch(()=>{});this.gpus.set(t,n);let r=await n;if(t&&!r)throw new k("BadOption","no GPU can be used here");return r}most(e){return e?Math.min(Nt,e.room/yr):Nt}async picture(e,t,n,r,i,o){let{synthesis:a}=this;if(a.use(e.setting,e.realism,e.second),o){try{return await a.picture(t,n,r,i,o)}catch{for(let u of this.gpus.keys())this.gpus.set(u,Promise.resolve(void 0))}a.use(e.setting,e.realism,e.second)}return a.picture(t,n,r,i,void 0)}async open(e){let t=await de.open(this.machine,this.model.config.head_dim,e);if(!t)return;let[n,r]=[2,3],i=m=>Int32Array.from({length:m},(d,f)=>f*7919%97-48),{coarse:o,fine:a}=this.model,u={h:n,w:r,coarse:i(n*r*o),fine:i(4*n*r*a),used:a},l={left:0,top:0,width:32*r,height:32*n};this.synthesis.use(500,0);let c=await this.synthesis.picture(u,1,l,!1,t);this.synthesis.use(500,0);let h=await this.synthesis.picture(u,1,l,!1,void 0);return c.every((m,d)=>Math.abs(m-h[d])<=1)?t:void 0}};function ge([s,e],t){return[Math.floor(s/t),Math.ceil(e/t)]}function Ct(s,e,{config:t,attending:n}){let r=t.dw_kernel>>1,i=n(e),[o,a]=s;for(let u=e-1;u>=0;u--){let l=i.indexOf(u);if(l>=0){let c=l%2?t.window>>1:0;o=Math.floor((o-c)/t.window)*t.window+c,a=Math.ceil((a-c)/t.window)*t.window+c}o-=r,a+=r}return[o,a]}function Ft(s,e){return e?Ft(e,s%e):s}function Ge({config:s,token:e}){let t=s.window*e;return s.dec_attention?t/Ft(32,t):1}function ne(s,e,t){let{config:n,token:r}=t,i={config:n,attending:g=>t.attending(g)},o=n.renderer?4:n.patch,a=(n.renderer?n.dw_kernel:n.blend)>>1,[u,l]=ge(s,o),c=Ct([u-a,l+a],n.dec_blocks1,i),[h,m]=ge([c[0]*o-8,c[1]*o+8],32),d=Ct(ge(c,r/o),n.dec_blocks2,i),f=ge(d,32/r),b=Ge(t),p=Math.floor(Math.min(h,f[0])/b)*b;return[Math.max(0,p),Math.min(Math.ceil(e/32),Math.max(m,f[1]))]}var T=ie/32,ye=class{constructor(e,t,n){this.model=t;this.decodeImage=n;this.entropy=new le(e,t),this.painter=new be(e,t)}model;decodeImage;entropy;painter;second;async decode(e,t={}){let n=_e(e,t.limits),{realism:r=0,onProgress:i}=t;this.checkModel(n);let o=vr(t.scale??1),a=await this.realistic(r),u=xr(Ar(t.region,n),o),l=u.right-u.left,c=u.bottom-u.top;It(n.bodies);let h=await this.plane(n,"alpha",o,u),m=await this.plane(n,"exact",o,u),d=await St(n,this.decodeImage),f=wr(4*l*c,n);if(m)for(let p=0;p<l*c;p++){for(let g=0;g<3;g++)f[4*p+g]=m[3*p+g];f[4*p+3]=255}else{if(!d||d.mask.includes(!1)){let p={setting:n.setting,realism:r,second:a};await this.paint(n,u,o,f,p,t)}d&&Mr(d,n,u,o,f)}if(h)for(let p=0;p<h.length;p++)f[4*p+3]=h[p];i?.(1);let{icc:b}=n.bodies;return{width:l,height:c,data:f,grey:n.grey,...b&&{icc:b.slice()}}}latents(e){let t=_e(e);this.checkModel(t);let{groups:n,coarse:r}=this.model.config,{sizes:i}=this.model,[o,a]=[Math.ceil(t.width/32),Math.ceil(t.height/32)],u=Math.max(...t.tiles.map(m=>32-Math.clz32(this.entropy.present(m)[0]))),l=n.slice(0,u).reduce((m,d)=>m+d,0),c=new Int32Array(a*o*l),h=this.tiles(t,n.length);for(let m=0;m<a;m++)for(let d=0;d<o;d++){let f=h(Math.floor(d/T),Math.floor(m/T)),[b,p]=[m%T,d%T],g=(m*o+d)*l,[y,w]=[0,0];for(let v=0;v<u;v++){let x=i[v];if(v<r){let M=(b*f.w+p)*this.model.coarse+y;c.set(f.coarse.subarray(M,M+x),g),g+=x,y+=x;continue}for(let M=0;M<4;M++){let U=((2*b+(M>>1))*2*f.w+2*p+(M&1))*this.model.fine+w;c.set(f.fine.subarray(U,U+x),g),g+=x}w+=x}}return c}checkModel(e){if(!this.model.id.startsWith(e.modelId))throw new k("UnknownModel",`the file was made with model ${e.modelId}, not with ${this.model.id.slice(0,10)}`)}async realistic(e){if(!(e>=0&&e<=1))throw new k("BadOption",`realism must be from 0 to 1, not ${e}`);if(e){if(!this.model.realism)throw new k("BadOption","the model has no decoder for realism; only realism 0 works");this.second??=this.model.realism();try{return await this.second}catch(t){throw this.second=void 0,t}}}async plane(e,t,n,r){let i=await kt(e,t,this.decodeImage);if(!i)return;let o=t==="alpha"?1:3,a=Ne(i,e.width,e.height,o,n),u=Math.ceil(e.width/n)*o,l=(r.right-r.left)*o,c=new Uint8Array(l*(r.bottom-r.top));for(let h=r.top;h<r.bottom;h++){let m=h*u+r.left*o;c.set(a.subarray(m,m+l),(h-r.top)*l)}return c}tiles(e,t){let[n,r]=[Math.ceil(e.width/32),Math.ceil(e.height/32)],i=Math.ceil(n/T),o=new Map;return(a,u)=>{let l=u*i+a,c=o.get(l);if(!c){for(let d of o.keys())d<(u-2)*i&&o.delete(d);let h=[Math.min(T,r-u*T),Math.min(T,n-a*T)],m=e.tiles[l];c={...this.entropy.decode(m,e.setting,...h,t),w:h[1]},o.set(l,c)}return c}}async paint(e,t,n,r,i,{device:o,onProgress:a}){let{painter:u}=this,l=await u.gpu(o),c=vt(this.model,e.setting,n),h=this.tiles(e,c),{sizes:m,config:d}=this.model,f=Math.min(c,Math.max(...e.tiles.map(y=>32-Math.clz32(this.entropy.present(y)[0])))),b=m.slice(d.coarse,f).reduce((y,w)=>y+w,0),p=4*(t.right-t.left),g=this.parts(e,t,n,u.most(l));for(let[y,w]of g.entries()){let v=ne([w.left*n,w.right*n],e.width,this.model),x=ne([w.top*n,w.bottom*n],e.height,this.model),M=this.gathered(h,v,x),E={left:w.left-32*v[0]/n,top:w.top-32*x[0]/n,width:w.right-w.left,height:w.bottom-w.top},U={...M,used:b},P=await u.picture(i,U,n,E,e.grey,l);for(let _=0;_<E.height;_++){let $=P.subarray(4*_*E.width,4*(_+1)*E.width);r.set($,(w.top-t.top+_)*p+4*(w.left-t.left))}a?.((y+1)/g.length)}}parts(e,t,n,r){let i=32*Ge(this.model),o=(p,g,y)=>{let[w,v]=ne([p*n,g*n],y,this.model);return 32*(v-w)},a=(p,g,y)=>{let w=[];for(let v=p;v<g;v=w.at(-1)[1]){let x=(Math.floor(v*n/i)*i+y)/n;w.push([v,Math.min(g,x)])}return w},u=o(t.left,t.right,e.width),l=o(t.top,t.bottom,e.height),[c,h]=ne([16384,16384+i],65536,this.model),m=32*(h-c)-i,d=p=>Math.max(i,Math.floor(p/i)*i),f=[[t.left,t.right]],b=[[t.top,t.bottom]];if(u*l>r){let p=r/u-m;if(p>=m)b=a(t.top,t.bottom,d(p));else{let g=d(Math.sqrt(r)-m);b=a(t.top,t.bottom,g),f=a(t.left,t.right,g)}}return b.flatMap(([p,g])=>f.map(([y,w])=>({left:y,top:p,right:w,bottom:g})))}gathered(e,t,n){let[r,i]=[n[1]-n[0],t[1]-t[0]],{coarse:o,fine:a}=this.model,u=new Int32Array(r*i*o),l=new Int32Array(4*r*i*a);for(let c=Math.floor(n[0]/T);c*T<n[1];c++)for(let h=Math.floor(t[0]/T);h*T<t[1];h++){let m=e(h,c),d=Math.max(t[0],h*T),f=Math.min(t[1],(h+1)*T),b=(y,w,v,x,M)=>{let E=((x-M*c*T)*M*m.w+M*(d-h*T))*v,U=y.subarray(E,E+M*(f-d)*v);w.set(U,((x-M*n[0])*M*i+M*(d-t[0]))*v)},p=Math.max(n[0],c*T),g=Math.min(n[1],(c+1)*T);for(let y=p;y<g;y++)b(m.coarse,u,o,y,1);for(let y=2*p;y<2*g;y++)b(m.fine,l,a,y,2)}return{h:r,w:i,coarse:u,fine:l}}};function wr(s,{width:e,height:t}){try{return new Uint8ClampedArray(s)}catch{throw new k("LimitExceeded",`not enough memory for a picture of ${e} x ${t} pixels`)}}function vr(s){for(let e of[1,2,4,8])if(s===1/e)return e;throw new k("BadOption",`a picture can be decoded at scale 1, 1/2, 1/4 or 1/8, not ${s}`)}function Ar(s,{width:e,height:t}){if(!s)return[0,0,e,t];let[n,r,i,o]=s;if(!s.every(u=>Number.isInteger(u))||n<0||r<0||i<1||o<1||n+i>e||r+o>t)throw new k("BadOption",`the region ${s.join()} is not inside the picture of ${e} x ${t} pixels`);return s}function xr([s,e,t,n],r){return{left:Math.floor(s/r),top:Math.floor(e/r),right:Math.ceil((s+t)/r),bottom:Math.ceil((e+n)/r)}}function Mr({columns:s,mask:e,samples:t},n,r,i,o){let a=Ne(t,n.width,n.height,3,i),u=Math.ceil(n.width/i),l=he/i,c=0;for(let h=r.top;h<r.bottom;h++)for(let m=r.left;m<r.right;m++,c+=4){if(!e[Math.floor(h/l)*s+Math.floor(m/l)])continue;let d=3*(h*u+m);for(let f=0;f<3;f++)o[c+f]=a[d+f];o[c+3]=255}}var Wt=["context","dense","embed","lapColumns","lapRows","means","modulate","near","pixels","place","scale","shuffle","tokens","windows"];var[Ot,Kt,we,Vt,qt,Yt,Xt,Jt,Dt]=[0,1,2,3,4,5,6,7,8],ve=1088,kr=4096,jt=2e3;function Gt(s){return new Int32Array(s.buffer,1024,16)}function Ht(s,e,t){let n=s[Wt[e[Vt]]],r=e[qt],i=e[Yt],o=e[Xt]+t*e[Jt];for(;;){let a=Atomics.add(e,Kt,i);if(a>=r)return;n(ve,a,Math.min(a+i,r),o)}}function Ur(s){for(let e=65536;;e/=2)try{return new WebAssembly.Memory({initial:64,maximum:e,shared:s})}catch(t){if(e<=8192)throw t}}async function Sr({memory:s,module:e}){let t={memory:s};return(await WebAssembly.instantiate(e,{env:t})).exports}var Ae=class s{constructor(e,t,n){this.kernels=e;this.memory=t;this.helpers=n;this.block=Gt(t)}kernels;memory;helpers;block;top=kr;static async start(e,t,n){let r=t>1,i=Ur(r),o=await Sr({memory:i,module:e});return r&&await n({memory:i,module:e},t),new s(o,i,t-1)}alloc(e){let t=this.top;this.top=Math.ceil((t+e)/64)*64;let n=this.top+1024-this.memory.buffer.byteLength;return n>0&&(this.memory.grow(Math.max(Math.ceil(n/65536),64)),this.block=Gt(this.memory)),t}get size(){return this.memory.buffer.byteLength}within(e){let t=this.top;try{return e()}finally{this.top=t}}f32(e,t){return new Float32Array(this.memory.buffer,e,t)}i32(e,t){return new Int32Array(this.memory.buffer,e,t)}i16(e,t){return new Int16Array(this.memory.buffer,e,t)}u8(e,t){return new Uint8Array(this.memory.buffer,e,t)}put(e,t=e.length){let n=e.BYTES_PER_ELEMENT,r=this.alloc(n*t);return this.u8(r,n*t).fill(0),this.u8(r,n*e.length).set(new Uint8Array(e.buffer,e.byteOffset,e.byteLength)),r}zeros(e){let t=this.alloc(e);return this.u8(t,e).fill(0),t}run(e,t,n,r=0,i=1){n<1||this.within(()=>{let o=r+1023&-1024,a=o?this.alloc(o*(this.helpers+1)):0;this.i32(ve,t.length).set(t);let{block:u}=this;if(u[Vt]=Wt.indexOf(e),u[qt]=n,u[Yt]=i,u[Xt]=a,u[Jt]=o,Atomics.store(u,Kt,0),!this.helpers||n<=i){Ht(this.kernels,u,0);return}Atomics.store(u,we,this.helpers),Atomics.add(u,Ot,1),Atomics.notify(u,Ot);try{Ht(this.kernels,u,0)}finally{for(let l;l=Atomics.load(u,we);){let c=0;for(;c<jt&&Atomics.load(u,we)===l;)c++;c===jt&&Atomics.wait(u,we,l)}Atomics.load(u,Dt)&&(this.helpers=0)}if(Atomics.exchange(u,Dt,0))throw new Error("a thread of the decoder has failed")})}points(e){this.i32(ve,e.length).set(e),this.kernels.points(ve)}};var Er="tccodec-models",Qt=4096;async function Tr(s){let e;try{e=await fetch(s)}catch{throw new k("UnreadableFile",`${s} cannot be reached`)}if(!e.ok)throw new k("UnreadableFile",`${s}: status ${e.status}`);try{return await He(e)}catch{throw new k("UnreadableFile",`${s}: the connection broke`)}}async function He(s){return new Uint8Array(await s.arrayBuffer())}async function en(){try{return await caches.open(Er)}catch{return}}async function Ke(s,e,t){let n=t?await en():void 0,r=e?We(s,e):s,i=await n?.match(r);if(i&&e)return He(i);try{let o=await Tr(r);return await n?.put(r,new Response(o)).catch(()=>{}),o}catch(o){if(i)return He(i);throw o}}function We(s,e){return`${s}?id=${e}`}async function tn(s,e){let t=await en();for(let{url:n}of await t?.keys()??[])new URL(".",n).href===s&&e(n)&&await t?.delete(n)}async function Zt(s,e,t){try{return await t()}catch(n){if(!(n instanceof k)||n.kind!=="BadModel")throw n;return await tn(s,r=>r.startsWith(`${s}${e}`)),t()}}async function Pr(s,e){let t=(u,l="")=>Ke(`${s}${u}`,l,e),n=await Zt(s,ae,()=>dt(t)),{id:r,config:i,tensors:o,realism:a}=n;return new Q(r,i,o,a&&(()=>Zt(s,ce,a)))}async function _r({threads:s,base:e,keep:t}){let n=async r=>{let i=`kernels${s>1?"-shared":""}${r}.wasm`;return WebAssembly.compile(await Ke(new URL(i,e).href,"",t))};try{return await n("-fused")}catch(r){if(!(r instanceof WebAssembly.CompileError))throw r;return n("")}}async function Ir(s,e,t,n){let r=new Blob([s.slice()],{type:n}),i=await createImageBitmap(r,{colorSpaceConversion:"none",premultiplyAlpha:"none"}),[o,a]=[Math.min(e,Qt),Math.min(t,Qt)],u=new OffscreenCanvas(o,a).getContext("2d"),l=new Uint8Array(4*e*t);for(let c=0;c<t;c+=a)for(let h=0;h<e;h+=o){let[m,d]=[Math.min(o,e-h),Math.min(a,t-c)];u.drawImage(i,-h,-c);let{data:f}=u.getImageData(0,0,m,d);for(let b=0;b<d;b++){let p=f.subarray(4*b*m,4*(b+1)*m);l.set(p,4*((c+b)*e+h))}}return i.close(),l}var xe=class{constructor(e,t){this.settings=e;this.enlist=t}settings;enlist;found=new Map;get(e){let t=this.found.get(e);return t||(t=this.load(e),this.found.set(e,t),t.catch(()=>this.found.delete(e))),t}async load(e){let t=[];for(let n of this.settings.models)try{let r=await this.loadFrom(n,e);if(r)return r}catch(r){let i=r instanceof k&&r.kind==="BadModel";t.push(i?new k(r.kind,`${n}: ${r.message}`):r)}throw t.length?t[0]:new k("UnknownModel",`the file was made with model ${e}, which is not here`)}async loadFrom(e,t){let{threads:n,keep:r}=this.settings,i=await Ke(`${e}config.json`,"",r),{model_id:o,realism:a}=Ie(i);if(!o.startsWith(t))return;if(r){let l=[We(`${e}${ae}`,o),...a?[We(`${e}${ce}`,a.id)]:[]];await tn(e,c=>c.includes("?id=")&&!l.includes(c))}let u=Pr(e,r);try{return await this.start(u,n)}catch(l){if(n<2||l instanceof k)throw l;return this.start(u,1)}}async start(e,t){let n=_r({...this.settings,threads:t}),[r,i]=await Promise.all([n,e]),o;try{let a=await Ae.start(r,t,async(...u)=>{o=await this.enlist(...u)});return new ye(a,i,Ir)}catch(a){throw o?.(),a}}};var rn,nn=Promise.resolve(),$r=1e4;async function Rr(s,e){let t=[],n,r=()=>{for(let o of t)o.terminate()},i=new Promise((o,a)=>{let u=()=>{a(new Error("a thread cannot be started"))};n=setTimeout(u,$r);let l=e-1;for(let c=1;c<e;c++){let h=new Worker(new URL("helper.js",import.meta.url),{type:"module"});t.push(h),h.onmessage=({data:m})=>{m!=="ready"?u():--l||o()},h.onerror=u,h.postMessage({shared:s,thread:c})}});try{await i}catch(o){throw r(),o}finally{clearTimeout(n)}return r}function zr(s){rn=new xe(s,Rr)}async function Lr(s,e,t){let n=(r,i=[])=>{postMessage(r,{transfer:i})};try{let{modelId:r}=Pe(e,t.limits),i=await rn.get(r),o=u=>{n({id:s,done:u})},a=await i.decode(e,{...t,onProgress:o});n({id:s,picture:a},[a.data.buffer])}catch(r){let{kind:i,message:o}=r instanceof k?r:{kind:void 0,message:String(r)};n({id:s,kind:i,message:o})}}onmessage=({data:s})=>{"settings"in s?zr(s.settings):nn=nn.then(()=>Lr(s.id,s.data,s.options))};
